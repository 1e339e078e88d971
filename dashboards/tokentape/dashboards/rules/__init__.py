"""Recording rules and alerts, and how they are written for Prometheus."""
