"""What makes the rows of a flow run, one driver a table; faults.py walks all rows of all tables with
them. A module of this folder that ends with

    @driver("build")
    class Build(Driver):
        ...

is found by itself. A table without a driver fails its tests."""
import importlib
import pkgutil

DRIVERS = {}


def driver(table):
    def enter(cls):
        DRIVERS[table] = cls
        return cls
    return enter


class Driver:
    """One change to the host, and the end of it. A daemon runs when a method is called, unless it says
    otherwise."""

    # Whether what is done leaves the ledger: then the end is a change of its own, and undoes no row.
    for_good = False
    # Whether a row notes what only its effect tells: a pid, an index.
    learns = False

    def __init__(self, d):
        self.d = d  # harness.Daemon

    def prepare(self):
        """Once, before the host is looked at: definitions, images, folders. Skips where it must."""

    def change(self, status=0):
        """Runs the flow. status: what the command must end with (None: the daemon may die in it)."""
        raise NotImplementedError

    def end(self, status=0):
        """Takes the change back: its rows are undone."""
        raise NotImplementedError

    def undo(self):
        """Makes the undo of every row run after change(): its end does for most."""
        self.end(status=None)

    def clear(self):
        """Takes back whatever of the change is there."""
        if self.stands():
            self.end(status=None)

    def stands(self):
        """Whether the change is done."""
        raise NotImplementedError

    def is_down(self):
        """Whether nothing is left of it and nothing under way, as far as a client can tell."""
        raise NotImplementedError

    def sees(self):
        """The kinds of the inventory that the change shows in: without them the comparison says
        nothing."""
        return ()

    def more(self):
        """What the inventory of every test has not, by its kind."""
        return {}

    def reaches(self, step):
        """Whether this machine can make that row do something."""
        return True


def load():
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return DRIVERS
