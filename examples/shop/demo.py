"""The demo: a legacy shop, two new services, the proxy with config.yaml, and live traffic through it.

`make demo` runs it as `python -m shop.demo`. Ctrl-C ends everything; `--for 20s` ends by itself, with exit code 1
where a request failed.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from shop.clerk import Clerk
from shop.findings import Findings
from shop.instep import EXPECTED, settle
from shop.ports import HOST, Ports
from shop.processes import Process, StartError
from shop.traffic import RATE, Traffic, duration_s

EXAMPLES = Path(__file__).resolve().parent.parent
ROOT = EXAMPLES.parent
EXIT_FAILED = 1
EXIT_NOT_STARTED = 2
FOREVER_S = 10 * 365 * 86400.0
COMES_BACK_S = 15.0

WELCOME = """
  Ficus & Co., a shop half-way through a migration

    shop       http://localhost:{ports.shop}         log in as demo@example.com, password fig
    control    http://{host}:{ports.control}         /metrics  /healthz  /readyz
    inside     legacy :{ports.legacy}  customers :{ports.customers}  orders :{ports.orders}   (clients never see these)
    logs       {logs}

  Try, in another terminal{moved}:

    {bin}/strangler explain GET http://localhost:{ports.shop}/api/orders/7 -H "X-Tenant: acme"
    {bin}/strangler status
    {bin}/strangler routes
    {bin}/strangler report invoices      # invoices run in shadow: what is wrong with new?
    {bin}/strangler sync status
    curl -i http://localhost:{ports.shop}/api/customers/1
    kill {customers_pid}        # customers dies for {comes_back} s, legacy answers in its place, and nothing fails
    and raise `percent` of the route orders in config.yaml, save, and watch the shares of orders below

  Ctrl-C ends everything.
"""


def main() -> int:
    """Run the demo; the exit code says how it went."""
    parser = argparse.ArgumentParser(prog="python -m shop.demo", description=__doc__)
    parser.add_argument("--for", dest="seconds", type=duration_s, help="end by itself, like 20s (default: on Ctrl-C)")
    parser.add_argument("--rate", type=float, default=RATE, help="requests a second (default: %(default)s)")
    parser.add_argument("--no-traffic", action="store_true", help="start everything and send nothing")
    parser.add_argument("--config", type=Path, default=ROOT / "config.yaml", help="the proxy's configuration")
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="where stores and logs go")
    options = parser.parse_args()
    ports = Ports.from_environment()
    if taken := ports.taken():
        print("The demo cannot start, since something else listens there:", *taken, sep="\n  ", file=sys.stderr)
        return EXIT_NOT_STARTED
    try:
        return asyncio.run(_run(options, ports))
    except StartError as error:
        print(error, file=sys.stderr)
        return EXIT_NOT_STARTED


async def _run(options: argparse.Namespace, ports: Ports) -> int:
    processes = _processes(options, ports)
    traffic = Traffic(f"http://localhost:{ports.shop}", ports, options.rate)
    clerk = Clerk(_folder(options), ports)
    findings = _findings(options, processes[-1])
    found = ""
    running = asyncio.ensure_future(_go(options, processes, traffic, clerk, findings))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    apart: set[tuple[Any, ...]] = set()
    try:
        try:
            apart = await running
        except asyncio.CancelledError:
            print("\nending …", flush=True)
        if processes[-1].running and not options.no_traffic:
            found = await findings.end()
    finally:
        for process in reversed(processes):
            await process.stop()
    if options.no_traffic:
        return 0
    print(traffic.summary(), *filter(None, [found]), sep="\n")
    return EXIT_FAILED if apart or traffic.tally.failed or not traffic.tally.requests else 0


async def _go(
    options: argparse.Namespace, processes: list[Process], traffic: Traffic, clerk: Clerk, findings: Findings
) -> set[tuple[Any, ...]]:
    """Start everything, then send traffic until the time is over or the proxy ends; what is out of step then."""
    print(f"starting {', '.join(process.name for process in processes)} …", flush=True)
    for process in processes:
        await process.start()
    print(_welcome(options, traffic.ports, processes), flush=True)
    tasks = [asyncio.create_task(_watch(processes)), asyncio.create_task(_visit(traffic, options, clerk))]
    if not options.no_traffic:
        tasks.append(asyncio.create_task(clerk.run()))
    telling = asyncio.create_task(findings.watch(functools.partial(print, flush=True)))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (*tasks, telling):
            task.cancel()
        await asyncio.gather(*tasks, telling, return_exceptions=True)
    return set() if options.no_traffic else await _compare(_folder(options), clerk)


async def _compare(folder: Path, clerk: Clerk) -> set[tuple[Any, ...]]:
    """Hold both sides' stores against each other, once the last changes had time to arrive."""
    apart = await settle(folder)
    wrong = apart - EXPECTED
    waiting = ", ".join(" ".join(map(str, one)) for one in sorted(apart & EXPECTED)) or "nothing"
    end = f"NOT IN STEP: {sorted(wrong)[:10]}" if wrong else f"in step; in quarantine: {waiting}"
    print(f"customers and orders, {clerk.changes} changes by clerks: {end}", flush=True)
    return wrong


async def _visit(traffic: Traffic, options: argparse.Namespace, clerk: Clerk) -> None:
    if options.no_traffic:
        await asyncio.sleep(options.seconds if options.seconds is not None else FOREVER_S)
    else:
        await traffic.run(options.seconds)
        await clerk.begun.wait()  # it ends the demo where it cannot begin


async def _watch(processes: list[Process]) -> None:
    """A service that ends comes back after a while; without the proxy there is nothing left to show."""

    async def watch(process: Process) -> None:
        while True:
            code = await process.ended()
            if process.name == "proxy":
                raise StartError(f"proxy has ended with code {code}.\n{process.log_end()}")
            print(f"{process.name} has ended (code {code}); it comes back in {COMES_BACK_S:.0f} s", flush=True)
            await asyncio.sleep(COMES_BACK_S)
            await process.start()
            print(f"{process.name} is back", flush=True)

    await asyncio.gather(*(watch(process) for process in processes))


def _processes(options: argparse.Namespace, ports: Ports) -> list[Process]:
    """Everything that the demo starts, in order: whoever is asked first comes first."""
    folder = _folder(options)
    folder.mkdir(parents=True, exist_ok=True)
    search = os.pathsep.join([str(EXAMPLES), *filter(None, [os.environ.get("PYTHONPATH")])])
    services = [
        Process(
            name=name,
            command=[sys.executable, "-m", f"shop.{name}", f"--port={port}", f"--store={folder / name}.db"],
            log=folder / f"{name}.log",
            ready_url=f"http://{HOST}:{port}/healthz",
            environment={"PYTHONPATH": search},
        )
        for name, port in (("legacy", ports.legacy), ("customers", ports.customers), ("orders", ports.orders))
    ]
    proxy = Process(
        name="proxy",
        command=[str(Path(sys.executable).with_name("strangler")), "run", str(options.config.resolve())],
        log=folder / "proxy.log",
        ready_url=f"http://{HOST}:{ports.control}/readyz",
        environment={**ports.environment(), "SHOP_VAR": str(options.var.resolve())},
    )
    return [*services, proxy]


def _findings(options: argparse.Namespace, proxy: Process) -> Findings:
    page = _folder(options) / "report.html"
    return Findings(f"{_bin()}/strangler", options.config.resolve(), proxy.environment, page)


def _bin() -> Path:
    """Where the commands are, as short as it can be written here."""
    folder = Path(sys.executable).parent
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def _folder(options: argparse.Namespace) -> Path:
    folder: Path = options.var.resolve() / "demo"
    return folder


def _welcome(options: argparse.Namespace, ports: Ports, processes: list[Process]) -> str:
    moved = {name: value for name, value in ports.environment().items() if name in os.environ}
    return WELCOME.format(
        ports=ports,
        host=HOST,
        comes_back=int(COMES_BACK_S),
        logs=options.var.resolve() / "demo",
        bin=_bin(),
        moved=" (with " + " ".join(f"{name}={value}" for name, value in moved.items()) + ")" if moved else "",
        customers_pid=next(p.running.pid for p in processes if p.name == "customers" and p.running),
    )


if __name__ == "__main__":
    sys.exit(main())
