"""Differences that are one finding: how their values are related, and the narrowest rule that would explain them."""
