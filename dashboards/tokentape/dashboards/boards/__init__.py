"""The five boards: each one question, answered from the general to the specific."""
