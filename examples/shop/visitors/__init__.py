"""The shop's clients: browsers, programs and listeners, all counted by one tally."""
