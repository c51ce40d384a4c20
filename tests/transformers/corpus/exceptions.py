"""try, except, else, finally, raise, with."""

import contextlib

from corpus_case import case


@case((0,), (1,), ("a",))
def try_forms(x):
    log = []
    try:
        log.append("try")
        r = 10 / x
    except ZeroDivisionError:
        log.append("zero")
        r = None
    except (TypeError, ValueError) as e:
        log.append(type(e).__name__)
        r = "bad"
    else:
        log.append("else")
    finally:
        log.append("finally")
    return r, log


@case((0,), (1,), (2,), (3,))
def return_in_try(x):
    log = []

    def inner():
        try:
            log.append("a")
            if x == 0:
                return "from try"
            if x == 1:
                raise ValueError("v")
            log.append("b")
        except ValueError:
            if x == 1:
                return "from except"
        else:
            log.append("else")
            if x == 2:
                return "from else"
        finally:
            log.append("finally")
        return "end"

    return inner(), log


@case((0,), (1,))
def return_in_finally(x):
    try:
        if x:
            raise ValueError
        return "try"
    finally:
        if x:
            return "finally"


@case((0,), (1,))
def finally_that_does_not_return(x):
    def inner():
        try:
            if x:
                raise KeyError("kept")
            return "try"
        finally:
            if x == 2:
                return "never"

    try:
        return inner()
    except KeyError as e:
        return repr(e)


@case()
def finally_overrides_value():
    def f():
        r = 1
        try:
            return r
        finally:
            r = 2

    return f()


@case()
def continue_and_break_in_try():
    log = []
    for i in range(6):
        try:
            if i == 1:
                continue
            if i == 4:
                break
            if i == 2:
                raise ValueError(i)
            log.append(i)
        except ValueError as e:
            log.append(str(e))
            continue
        finally:
            log.append(("f", i))
        log.append(("end", i))
    else:
        log.append("never")
    return log


@case()
def break_in_finally_swallows():
    for i in range(3):
        try:
            raise ValueError
        finally:
            if i == 1:
                break
            continue
    return i


@case()
def nested_try():
    log = []
    try:
        try:
            raise KeyError("a")
        except ValueError:
            log.append("no")
        finally:
            log.append("inner finally")
    except KeyError:
        log.append("outer")
        try:
            raise IndexError
        except IndexError:
            log.append("in handler")
    return log


@case()
def exception_variable_is_unbound_after():
    e = "before"
    try:
        raise ValueError("x")
    except ValueError as e:
        s = str(e)
    try:
        return s, e
    except UnboundLocalError:
        return s, "unbound"


@case()
def exception_variable_in_loop():
    errors = []
    for i in range(3):
        try:
            if i % 2 == 0:
                raise ValueError(i)
        except ValueError as error:
            errors.append(error)
            last = error
    return [e.args for e in errors], last.args


@case()
def bare_raise_in_branch():
    try:
        try:
            raise ValueError("again")
        except ValueError as e:
            if e.args:
                raise
    except ValueError as e:
        return str(e), e.__context__


@case()
def raise_from():
    try:
        try:
            raise KeyError("k")
        except KeyError as e:
            for _ in range(1):
                raise ValueError("v") from e
    except ValueError as e:
        return repr(e), repr(e.__cause__), repr(e.__context__)


@case()
def raise_in_handler_has_context():
    try:
        try:
            1 / 0
        except ZeroDivisionError:
            if True:
                {}["missing"]
    except KeyError as e:
        return type(e.__context__).__name__


@case()
def raise_class_and_nothing():
    try:
        raise ValueError
    except ValueError as e:
        r = e.args
    try:
        raise
    except RuntimeError as e:
        return r, str(e)


@case()
def uncaught():
    for i in range(3):
        if i == 2:
            raise LookupError("at", i)


@case()
def error_in_else_is_not_caught():
    try:
        try:
            pass
        except KeyError:
            return "wrong"
        else:
            raise KeyError("from else")
    except KeyError as e:
        return e.args


@case((0,), (1,))
def try_else_with_early_return(x):
    def f():
        try:
            if x:
                return "early"
        except ValueError:
            return "never"
        else:
            return "else"

    return f()


@case()
def else_not_run_after_jump():
    log = []
    for i in range(3):
        try:
            if i == 1:
                continue
        except ValueError:
            pass
        else:
            log.append(i)
    return log


@case()
def error_in_else_after_branch_is_not_caught():
    def f(x):
        try:
            if x > 5:
                return "big"
        except KeyError:
            return "wrong"
        else:
            if x > 2:
                raise KeyError(x)
            return "small"

    try:
        return f(9), f(1), f(3)
    except KeyError as e:
        return e.args


class Manager:
    def __init__(self, log, name, swallow=False):
        self.log, self.name, self.swallow = log, name, swallow

    def __enter__(self):
        self.log.append(f"enter {self.name}")
        return self.name

    def __exit__(self, kind, value, trace):
        self.log.append((f"exit {self.name}", kind and kind.__name__))
        return self.swallow


@case()
def with_forms():
    log = []
    with Manager(log, "a") as a, Manager(log, "b") as b:
        log.append(a + b)
    with Manager(log, "c"):
        pass
    return log


@case()
def with_targets():
    log, d = [], {}
    with Manager(log, "a") as d["k"], Manager(log, d["k"] + "2") as (x, y):
        log.append((x, y))
    return log, d


@case((0,), (1,))
def return_in_with(x):
    log = []

    def f():
        with Manager(log, "m"):
            if x:
                return "early"
            log.append("body")
        return "late"

    return f(), log


@case()
def jumps_in_with():
    log = []
    for i in range(4):
        with Manager(log, str(i)):
            if i == 1:
                continue
            if i == 2:
                break
            log.append("body")
        log.append("after")
    return log


@case()
def swallowed():
    log = []
    with Manager(log, "s", swallow=True):
        x = 1
        raise ValueError
    try:
        with contextlib.suppress(KeyError):
            y = {}["k"]
        for _ in range(1):
            y
    except UnboundLocalError:
        log.append("y unbound")
    return x, log


@case()
def not_swallowed():
    log = []
    try:
        with Manager(log, "s"):
            if True:
                raise ValueError("out")
    except ValueError as e:
        log.append(str(e))
    return log


@case()
def with_exit_order_and_return_value():
    log = []

    def f():
        with Manager(log, "1"):
            with Manager(log, "2"):
                try:
                    return log.append("return") or len(log)
                finally:
                    log.append("finally")

    return f(), log


@case()
def exit_stack():
    log = []
    with contextlib.ExitStack() as stack:
        for i in range(3):
            stack.callback(log.append, i)
        if log == []:
            log.append("body")
    return log


@case()
def generator_context_manager():
    log = []

    @contextlib.contextmanager
    def cm(x):
        log.append(("in", x))
        try:
            yield x * 2
        except ValueError:
            log.append("caught")
        finally:
            log.append(("out", x))

    with cm(1) as v:
        log.append(v)
    with cm(2):
        raise ValueError
    return log


@case()
def stop_iteration_in_loop():
    it = iter([1, 2])
    r = []
    while True:
        try:
            x = next(it)
        except StopIteration:
            break
        r.append(x)
    return r


@case()
def custom_exceptions():
    class Mine(Exception):
        def __init__(self, code):
            super().__init__(f"code {code}")
            self.code = code

    def thrower(n):
        if n > 1:
            raise Mine(n)
        return n

    r = []
    for i in range(4):
        try:
            r.append(thrower(i))
        except Mine as m:
            r.append((m.code, str(m)))
    return r


@case()
def exception_in_iteration():
    def gen():
        yield 1
        raise OSError("gen")

    r = []
    try:
        for x in gen():
            r.append(x)
    except OSError as e:
        r.append(str(e))
    return r


@case()
def base_exceptions_pass():
    try:
        try:
            raise KeyboardInterrupt
        except Exception:
            return "wrong"
    except BaseException as e:
        return type(e).__name__


@case()
def exception_notes_and_traceback_line():
    try:
        x = 1
        if x:
            [][5]
    except IndexError as e:
        t = e.__traceback__
        while t.tb_next:
            t = t.tb_next
        return t.tb_lineno


@case()
def expression_in_except_clause():
    kinds = {"a": KeyError}

    def kind():
        return kinds["a"], ValueError

    try:
        raise ValueError
    except kind():
        return "matched"


@case()
def deep_finally_order():
    log = []

    def f(n):
        for i in range(n):
            try:
                try:
                    if i == 1:
                        return i
                finally:
                    log.append(("inner", i))
                    if i == 0:
                        continue
            finally:
                log.append(("outer", i))
        return "end"

    return f(1), f(3), log
