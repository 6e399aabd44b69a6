"""The rules: configuration, matching, decisions, rewriting. Pure: values in, values out, no I/O and no event loop.

1. `loading.load_config` turns the text of a file into a `config.Config`, or says what is wrong with it, line by line.
2. `table.compile_table` turns that into a `table.Table` of frozen `model` records, replaced whole by the next one.
3. `Table.decide` takes a `head.Head` and gives a `model.Decision`: the first route in file order whose `match` fits,
   found through `segments` at the same cost for one route and for five hundred, and the arm that `canary` picks.
4. `rewrite` makes the target for that arm; `responses` leads names of services in its answer back to what clients see.
5. `analysis` says what is wrong with a whole table, `explain` why one request goes where it goes.
"""
