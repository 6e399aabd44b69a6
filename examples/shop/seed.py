"""The shop's data, made from a fixed seed: the same people, plants and orders on every machine.

Both sides are filled from these records, each in its own names and formats. That is what a finished
backfill would leave behind, so both sides can be compared and kept in step.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

CUSTOMERS = 3000
ORDERS = 1200
FIRST_DAY = date(2023, 1, 2)
DAYS = 700

FIRST_NAMES = ("José", "Zoë", "André", "Björn", "Chloë", "François", "Grace", "Héloïse", "Ingrid", "Jürgen", "Linus")
LAST_NAMES = ("Müller", "García", "O'Brien", "Søndergaard", "Lefèvre", "Núñez", "Smith", "Åkesson", "Hopper", "Weiß")
CITIES = (
    ("New York", "212", "10001"),
    ("Boston", "617", "02108"),
    ("Chicago", "312", "60601"),
    ("Miami", "305", "33101"),
)
STATUSES = ("active",) * 8 + ("inactive", "deleted")


@dataclass(frozen=True, slots=True)
class Item:
    """A plant for sale."""

    sku: str
    description: str
    price_cents: int
    stock: int
    leaf: str


@dataclass(frozen=True, slots=True)
class Customer:
    """Someone with an account, free of either system's formats."""

    number: int
    first_name: str
    last_name: str
    email: str
    phone_digits: str
    city: str
    postal_code: str
    status: str
    marketing: bool
    credit_cents: int
    since: date


@dataclass(frozen=True, slots=True)
class Line:
    """One item of an order."""

    number: int
    sku: str
    description: str
    quantity: int
    price_cents: int


@dataclass(frozen=True, slots=True)
class Order:
    """A placed order with its lines."""

    number: int
    customer: int
    placed: date
    status: str
    lines: tuple[Line, ...]

    @property
    def total_cents(self) -> int:
        """The sum over the lines."""
        return sum(line.quantity * line.price_cents for line in self.lines)


ITEMS = (
    Item("FIC-ELA", "Rubber fig", 2450, 40, "broad"),
    Item("FIC-LYR", "Fiddle-leaf fig", 5900, 12, "broad"),
    Item("FIC-AUR", "Strangler fig", 8900, 7, "vine"),
    Item("MON-DEL", "Swiss cheese plant", 3900, 25, "broad"),
    Item("PIL-PEP", "Chinese money plant", 1250, 80, "round"),
    Item("EPI-AUR", "Golden pothos", 990, 120, "vine"),
    Item("SAN-TRI", "Snake plant", 1890, 60, "blade"),
    Item("ZAM-ZAM", "ZZ plant", 2290, 33, "blade"),
    Item("CAL-ORB", "Calathea orbifolia", 3150, 18, "round"),
    Item("HED-HEL", "English ivy", 850, 95, "vine"),
    Item("ALO-VER", "Aloe vera", 1100, 70, "blade"),
    Item("PEP-OBT", "Baby rubber plant", 1390, 44, "round"),
)


def customers() -> list[Customer]:
    """Every customer; number 1 is the account of the demo, demo@example.com."""
    dice = random.Random("customers")
    return [_customer(dice, number) for number in range(1, CUSTOMERS + 1)]


def _customer(dice: random.Random, number: int) -> Customer:
    first, last = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
    city, area, postal_code = dice.choice(CITIES)
    return Customer(
        number=number,
        first_name=first,
        last_name=last,
        email="demo@example.com" if number == 1 else f"customer{number}@example.com",
        phone_digits=f"{area}55501{dice.randrange(100):02}",
        city=city,
        postal_code=postal_code,
        status="active" if number == 1 else dice.choice(STATUSES),
        marketing=dice.random() < 0.4,
        credit_cents=dice.randrange(1, 50) * 10_000,
        since=FIRST_DAY + timedelta(days=dice.randrange(DAYS)),
    )


def orders() -> list[Order]:
    """Every order placed before the demo starts; the first three belong to customer 1."""
    dice = random.Random("orders")
    return [_order(dice, number) for number in range(1, ORDERS + 1)]


def _order(dice: random.Random, number: int) -> Order:
    chosen = dice.sample(ITEMS, dice.randrange(1, 4))
    lines = tuple(
        Line(position, item.sku, item.description, dice.randrange(1, 4), item.price_cents)
        for position, item in enumerate(chosen, start=1)
    )
    customer = 1 if number <= 3 else dice.randrange(1, CUSTOMERS + 1)
    placed = FIRST_DAY + timedelta(days=dice.randrange(DAYS))
    return Order(number, customer, placed, dice.choice(("new", "shipped", "shipped", "cancelled")), lines)
