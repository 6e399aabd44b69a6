"""One module per migration, named by its place in the order. A migration that was released is never changed."""
