"""What a call costs: the price book and the bill. Pure."""
