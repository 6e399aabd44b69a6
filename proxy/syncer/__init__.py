"""The syncer process: runs the syncs of the table in force beside the data plane, which never waits for it.

`process` is started by the supervisor. `strangler sync run` runs the same `legacy_adapters.host.SyncHost` alone, next
to a database.
"""
