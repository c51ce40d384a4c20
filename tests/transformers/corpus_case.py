"""The decorator that collects the corpus."""

CASES = []


def case(*arguments):
    """Note a function of the corpus, with the argument tuples it is called with."""

    def note(function):
        for args in arguments or [()]:
            CASES.append((function, args))
        return function

    return note
