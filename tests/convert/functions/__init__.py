"""Functions as users write them, each with arguments that take every path through it."""
