"""What is asked of a service instead of what the client asked: path and query. Captured bytes go in as they came."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote_plus

from routes.head import Head
from routes.match import form_decode
from routes.template import PathRegex, PathTemplate, TemplateError


@dataclass(frozen=True, slots=True)
class RequestRewrite:
    """How the request target of one arm is made.

    Attributes:
        path: what is sent instead of the path, None to leave it.
        pieces: `path` as literal bytes and positions in the captures.
        rest: position of the capture that takes the rest in `path`, None where it has none.
        query_remove: decoded names of parameters that are taken out; those of `query_set` among them.
        query_add: encoded parameters that are put at the end.
    """

    path: PathTemplate | None
    pieces: tuple[bytes | int, ...]
    rest: int | None
    query_remove: frozenset[bytes]
    query_add: bytes

    @property
    def needs_params(self) -> bool:
        """Whether `target` looks at the captures."""
        return self.rest is not None or any(isinstance(piece, int) for piece in self.pieces)

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return self.path is not None or bool(self.query_remove) or bool(self.query_add)

    def target(self, head: Head, params: tuple[bytes, ...]) -> bytes:
        """The `path?query` to send. `OPTIONS *` stays as it is."""
        path = head.path
        if self.path is not None and path != b"*":
            path = b"".join([params[piece] if isinstance(piece, int) else piece for piece in self.pieces])
            if self.rest is not None:
                tail = params[self.rest]
                path += b"/" + tail if tail and tail[:1] != b"/" else tail
            path = path or b"/"
        query = head.query
        if self.query_remove or self.query_add:
            query = self.query(query)
        return path if query is None else path + b"?" + query

    def query(self, query: bytes | None) -> bytes | None:
        """The query to send; parameters that stay keep their bytes and their order. None where nothing is left."""
        kept = [] if query is None else [pair for pair in query.split(b"&") if not self._removes(pair)]
        if self.query_add:
            kept = [pair for pair in kept if pair]
            kept.append(self.query_add)
        return b"&".join(kept) if kept else None

    def _removes(self, pair: bytes) -> bool:
        return form_decode(pair.partition(b"=")[0]) in self.query_remove and pair != b""


def compile_rewrite(
    source: PathTemplate | PathRegex | None,
    path: PathTemplate | None,
    query_set: dict[str, str],
    query_remove: list[str],
) -> RequestRewrite:
    """Tie a path rewrite to the captures of the route's path.

    Raises:
        TemplateError: the rewrite uses a capture that the route's path does not have.
    """
    names = () if source is None else source.names
    for name in () if path is None else path.names:
        if name not in names:
            have = ", ".join(f"{{{known}}}" for known in names) or "none"
            raise TemplateError(f"the rewrite {path.text if path else ''!r} uses {{{name}}}; the route captures {have}")
    pieces, rest = _pieces(path, names)
    return RequestRewrite(
        path=path,
        pieces=pieces,
        rest=rest,
        query_remove=frozenset(name.encode() for name in (*query_remove, *query_set)),
        query_add="&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in query_set.items()).encode(),
    )


def _pieces(path: PathTemplate | None, names: tuple[str, ...]) -> tuple[tuple[bytes | int, ...], int | None]:
    """The path as literals (joined where they meet) and positions in `names`; and that of the rest."""
    if path is None:
        return (), None
    pieces: list[bytes | int] = []
    literal = b""
    captures = iter(path.names)
    for segment in path.segments:
        literal += b"/"
        if segment is None:
            pieces += [literal, names.index(next(captures))]
            literal = b""
        else:
            literal += segment
    if literal:
        pieces.append(literal)
    return tuple(pieces), names.index(path.names[-1]) if path.rest else None
