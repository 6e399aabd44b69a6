"""Answers that take their time: the ticker, the event stream, the slow report and the export."""

from __future__ import annotations

import asyncio
import csv
import io
import json

from aiohttp import web

from shop.legacy.context import HUB, STORE
from shop.serving import HEARTBEAT_S, push_news

REPORT_STEP_S = 0.4
EXPORT_ROWS_PER_CHUNK = 200


async def ticker(request: web.Request) -> web.WebSocketResponse:
    """WebSocket: one message per order."""
    return await push_news(request, request.app[HUB])


async def events(request: web.Request) -> web.StreamResponse:
    """Server-sent events: the same news for those without WebSockets."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    with request.app[HUB].listen() as news:
        await response.write(b"retry: 1000\n: welcome\n\n")
        while True:
            try:
                message = await asyncio.wait_for(news.get(), HEARTBEAT_S)
                await response.write(f"event: order\ndata: {json.dumps(message)}\n\n".encode())
            except TimeoutError:
                await response.write(b": still here\n\n")


async def sales_report(request: web.Request) -> web.StreamResponse:
    """The report that everybody waits for: a line per city, each a good while after the one before."""
    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
    await response.prepare(request)
    await response.write(f"{'CITY':<14}{'ORDERS':>8}{'TOTAL':>14}\n{'-' * 36}\n".encode())
    sql = (
        "SELECT CITY, COUNT(*) AS CNT, SUM(CAST(TOT_AMT AS INTEGER)) AS AMT"
        " FROM ORD_HDR JOIN CUST_MAST USING (CUST_NO) GROUP BY CITY ORDER BY CITY"
    )
    for row in request.app[STORE].all(sql):
        await asyncio.sleep(REPORT_STEP_S)
        await response.write(f"{row['CITY']:<14}{row['CNT']:>8}{row['AMT'] / 100:>14,.2f}\n".encode())
    await asyncio.sleep(REPORT_STEP_S)
    await response.write(b"END OF REPORT\n")
    return response


async def export_customers(request: web.Request) -> web.StreamResponse:
    """Every customer as CSV in Latin-1, chunked, without a length."""
    headers = {
        "Content-Type": "text/csv; charset=iso-8859-1",
        "Content-Disposition": 'attachment; filename="CUST_MAST.csv"',
    }
    response = web.StreamResponse(headers=headers)
    response.enable_chunked_encoding()
    await response.prepare(request)
    rows = request.app[STORE].all("SELECT CUST_NO, FNAME, LNAME, PHONE, CITY, STAT, CRT_DT FROM CUST_MAST ORDER BY 1")
    for start in range(0, len(rows), EXPORT_ROWS_PER_CHUNK):
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), delimiter=";")
        if start == 0:
            writer.writeheader()
        writer.writerows(rows[start : start + EXPORT_ROWS_PER_CHUNK])
        await response.write(text.getvalue().encode("latin-1"))
    return response


ROUTES = (
    web.get("/ticker", ticker),
    web.get("/events", events),
    web.get("/reports/sales", sales_report),
    web.get("/export/customers.csv", export_customers),
)
