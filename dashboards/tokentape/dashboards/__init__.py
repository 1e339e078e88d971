"""Grafana boards, alert and recording rules as code."""
