"""PromQL: the questions that boards and rules ask, without how they are drawn."""
