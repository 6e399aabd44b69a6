"""The pages: catalogue, login, cart, orders. Redirects and the Refresh header name the monolith's own host."""

from __future__ import annotations

from aiohttp import web

from shop.legacy.context import CUSTOMER, HUB, SESSION_ID, STORE, absolute, found, page, redirect
from shop.legacy.store import Row

REFRESH_S = 1


async def home(request: web.Request) -> web.Response:
    """The catalogue."""
    return page(request, "home.html", items=request.app[STORE].all("SELECT * FROM ITEM_MAST ORDER BY ITEM_DESC"))


async def login_form(request: web.Request) -> web.Response:
    """The login form."""
    return page(request, "login.html", email="demo@example.com", wrong=False)


async def login(request: web.Request) -> web.Response:
    """Log in, then on to where the visitor wanted to go."""
    form = await request.post()
    email, password = str(form.get("email", "")), str(form.get("password", ""))
    if not request.app[STORE].log_in(request[SESSION_ID], email, password):
        return page(request, "login.html", status=403, email=email, wrong=True)
    raise redirect(request, "/orders")


async def logout(request: web.Request) -> web.Response:
    """Forget the session."""
    request.app[STORE].close_session(request[SESSION_ID])
    raise redirect(request, "/")


async def cart(request: web.Request) -> web.Response:
    """What is in the cart."""
    lines = request.app[STORE].cart(request[SESSION_ID])
    total = sum(int(line["UNIT_AMT"]) * line["QTY"] for line in lines)
    return page(request, "cart.html", lines=lines, total=total)


async def add_to_cart(request: web.Request) -> web.Response:
    """Add an item, then show the cart."""
    form = await request.post()
    store = request.app[STORE]
    item = found(store.one("SELECT ITEM_CD FROM ITEM_MAST WHERE ITEM_CD = ?", str(form.get("item", ""))))
    quantity = str(form.get("quantity", "1"))
    if not quantity.isascii() or not quantity.isdigit():
        raise web.HTTPBadRequest(text="quantity is a whole number\n")
    store.add_to_cart(request[SESSION_ID], item["ITEM_CD"], min(max(int(quantity), 1), 99))
    raise redirect(request, "/cart")


async def checkout(request: web.Request) -> web.Response:
    """Turn the cart into an order and tell the ticker."""
    customer, store = _logged_in(request), request.app[STORE]
    lines = store.cart(request[SESSION_ID])
    if not lines:
        raise redirect(request, "/cart")
    number = store.place_order(customer["CUST_NO"], lines, request[SESSION_ID])
    announce(request, number, customer)
    raise redirect(request, f"/orders/{number}/thanks")


def announce(request: web.Request, number: int, customer: Row) -> None:
    """Publish a new order to the ticker and the event stream."""
    order = found(request.app[STORE].order(number))
    news = {"TYPE": "ORD", "ORD_NO": f"{number:06}", "CITY": customer["CITY"], "TOT_AMT": order["TOT_AMT"]}
    request.app[HUB].publish(news)


async def thanks(request: web.Request) -> web.Response:
    """A page that moves on to the order by itself, through a Refresh header."""
    number = request.match_info["number"]
    response = page(request, "thanks.html", number=number)
    response.headers["Refresh"] = f"{REFRESH_S}; url={absolute(request, f'/orders/{number}')}"
    return response


async def orders(request: web.Request) -> web.Response:
    """The customer's orders, newest first."""
    customer = _logged_in(request)
    sql = "SELECT * FROM ORD_HDR WHERE CUST_NO = ? ORDER BY ORD_NO DESC LIMIT 50"
    return page(request, "orders.html", orders=request.app[STORE].all(sql, customer["CUST_NO"]))


async def order(request: web.Request) -> web.Response:
    """One order of the customer."""
    customer = _logged_in(request)
    row = found(request.app[STORE].order(int(request.match_info["number"])))
    if row["CUST_NO"] != customer["CUST_NO"]:
        raise web.HTTPNotFound(text="not found\n")
    return page(request, "order.html", order=row)


def _logged_in(request: web.Request) -> Row:
    if CUSTOMER not in request:
        raise redirect(request, "/login")
    return request[CUSTOMER]


ROUTES = (
    web.get("/", home),
    web.get("/login", login_form),
    web.post("/login", login),
    web.post("/logout", logout),
    web.get("/cart", cart),
    web.post("/cart/add", add_to_cart),
    web.post("/checkout", checkout),
    web.get("/orders", orders),
    web.get(r"/orders/{number:\d{1,9}}", order),
    web.get(r"/orders/{number:\d{1,9}}/thanks", thanks),
)
