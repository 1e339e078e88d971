"""Grafana boards, alert and recording rules as code.

Board
    One dashboard: one question, answered from the general to the specific.
Panel
    One drawing of one or more queries, with a description of how it is computed.
Query
    PromQL over the metrics of the catalogue, narrowed by the variables of the board.
Rule
    A recording rule or an alert, with the entry of the runbook that it points to.
Options
    What a user may change without changing code: datasource, folder, labels, budgets.
"""
