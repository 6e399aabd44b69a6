"""The new customers service: clean JSON over a store of its own, and the old contract for those who still speak it."""
