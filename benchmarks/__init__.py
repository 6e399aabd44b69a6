"""Benchmarks of `strangler` beside nginx, HAProxy, Caddy, Envoy and a plain aiohttp proxy, all in one run.

The flow: `cli` reads the options; `bench.Bench` starts one upstream on the load core and, for each round, every
entrant (`peers/`) afresh on the proxy core; each entrant proves that it answers correctly (`check`); then for every row
(`rows/`) each entrant is measured in turn, so that noise hits all of them alike. A measurement drives the entrant with
wrk (`wrk`), with the constant-rate generator (`openloop`), or with a purpose-made client (`bulk_client`, `rows/idle`),
and reads what it cost from /proc (`cost`). `results` takes medians over the rounds and judges the bars; `report` prints
the tables and keeps all as JSON; `markdown` turns that into the tables of the documentation; `profile` shows where a
worker's time goes, `bytecodes` counts what one request costs without any noise.
"""
