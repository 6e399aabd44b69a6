"""Returns: a multipart upload of a photo, read as it comes and answered with its size and hash."""

from __future__ import annotations

import hashlib

from aiohttp import BodyPartReader, web

from shop.legacy.context import page

CHUNK_BYTES = 64 * 1024


async def return_form(request: web.Request) -> web.Response:
    """The form."""
    return page(request, "returns.html", receipt=None)


async def return_photo(request: web.Request) -> web.Response:
    """Read the photo piece by piece; only its name, size and hash are kept."""
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader) and part.name == "photo":
            receipt = await _receipt(part)
            if "json" in request.headers.get("Accept", ""):
                return web.json_response(receipt)
            return page(request, "returns.html", receipt=receipt)
    raise web.HTTPBadRequest(text="the form has no photo\n")


async def _receipt(part: BodyPartReader) -> dict[str, str]:
    digest, size = hashlib.sha256(), 0
    while chunk := await part.read_chunk(CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
    return {"FILE_NM": part.filename or "", "FILE_SZ": str(size), "SHA_256": digest.hexdigest()}


ROUTES = (web.get("/returns", return_form), web.post("/returns", return_photo))
