"""The cheapest way to pair two small sets: the assignment problem, exactly.

Source: Kuhn 1955, Munkres 1957; the O(n²m) form with potentials that adds one row at a time along a shortest path.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf


def assign(costs: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Pairs every row with a column of its own, or every column with a row where there are fewer, at the least cost.

    Args:
        costs: one row per member of the first set, finite; all rows of one length.

    Returns:
        (row, column), by row.
    """
    if not costs or not costs[0]:
        return []
    if len(costs) > len(costs[0]):
        return sorted((row, column) for column, row in assign(list(zip(*costs, strict=True))))
    rows, columns = len(costs), len(costs[0])
    row_potential = [0.0] * (rows + 1)
    column_potential = [0.0] * (columns + 1)
    row_of = [0] * (columns + 1)  # 1-based; column 0 is where the row that is being added starts
    for row in range(1, rows + 1):
        row_of[0] = row
        column, came_from = _shortest_path(costs, row_of, row_potential, column_potential)
        while column:
            row_of[column] = row_of[came_from[column]]
            column = came_from[column]
    return sorted((row_of[column] - 1, column - 1) for column in range(1, columns + 1) if row_of[column])


def _shortest_path(
    costs: Sequence[Sequence[float]],
    row_of: list[int],
    row_potential: list[float],
    column_potential: list[float],
) -> tuple[int, list[int]]:
    """The nearest free column, and the column before each on the way there; moves the potentials along."""
    columns = len(row_of) - 1
    distance = [inf] * (columns + 1)
    came_from = [0] * (columns + 1)
    done = [False] * (columns + 1)
    column = 0
    while True:
        done[column] = True
        row, nearest, step = row_of[column], 0, inf
        for other in range(1, columns + 1):
            if done[other]:
                continue
            reduced = costs[row - 1][other - 1] - row_potential[row] - column_potential[other]
            if reduced < distance[other]:
                distance[other], came_from[other] = reduced, column
            if distance[other] < step:
                nearest, step = other, distance[other]
        for other in range(columns + 1):
            if done[other]:
                row_potential[row_of[other]] += step
                column_potential[other] -= step
            else:
                distance[other] -= step
        column = nearest
        if row_of[column] == 0:
            return column, came_from
