"""The data plane: HTTP/1.1 from clients to services and back, on one event loop, as bytes.

One request, in the order things happen:

1. `connection.Connection` is the client's end of the wire: flow, half-close, time. `client.Client` is built on it and
   cuts the byte stream into heads and bodies; `request` and `block` read a head, or refuse it.
2. `routes.table.Table.decide` says which route, which arm, and why; `exchange.Exchange` is the request from then on.
   `intake` counts its body, `admission` gives it its ids.
3. `pool.Service` gives it a connection: an idle one, a new one (`upstream.Upstream`), a place in the queue, or a
   failure. `balancer`, `breaker`, `budget` and `health` decide which endpoint and whether at all.
4. `attempt.Attempt` is the exchange on its way there: `inbound` writes the head for the service; the body follows as it
   comes, with backpressure.
5. `response` reads what the service answers, `outbound` writes the head for the client, `framing` takes chunks off and
   puts them on, `tunnel` joins both sides after an upgrade.
6. What fails is sent again (`resending` says when), sent to the other arm, or answered by `problem`, as `errors` says.
7. `account` tells `metrics` and `accesslog` how it went. `plane.DataPlane` owns all of it, `listener.Listener`s
   included, and looks at the clock now and then, at least once a second.

Nothing on this path waits, and there is no task, future or timer per request: each step is called by the event that
makes it possible. An `Exchange` does not know its client's HTTP version beyond what `Block` says, so that another
protocol is another `client` module.
"""
