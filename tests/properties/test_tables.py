from __future__ import annotations

from properties.tables import table_faults


def test_tables_are_total_and_the_gate_opens_only_where_it_may() -> None:
    assert table_faults() == []
