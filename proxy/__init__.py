"""The shell: processes, the data plane, control, the command line.

1. `cli` reads the command; `run` reads the configuration (`configfile`), refuses a foreign owner of these packages
   (`collision`), and becomes the supervisor.
2. `supervisor` takes the sockets that `listening` bound, starts workers and control as processes of their own, joins
   each to itself by a `channel`, and restarts what dies. What they say to each other passes through its `hub`.
3. `worker` compiles the table it is handed and serves with `hop.plane.DataPlane`. It outlives all the others.
4. `control` watches the file, sends new tables through the supervisor, gathers numbers, and answers `/metrics`,
   `/healthz`, `/readyz` and the API behind `strangler status` and `strangler routes`.
"""
