"""Numbers and sizes in words."""


def size_text(parameters: int) -> str:
    """A number of parameters for people: 134515008 is '135M'."""
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if parameters >= 0.9995 * unit:
            return f"{parameters / unit:.2g}{name}" if parameters < 10 * unit else f"{parameters / unit:.0f}{name}"
    return str(parameters)
