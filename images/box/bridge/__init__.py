"""A test class in one box, its program in another: both ends of what carries calls, values and files between them.

`client.py` is the test's end, `server.py` the program's. An object that is not data stays in its own box; the other side
holds a `proxy.Proxy` (in the test) or a `server.StandIn` (in the program), and asks for attributes, calls and items of it by
the names in `operations.py`. `context.py` keeps files, random state, environment and folder equal on both sides of a call.

Whether two values are equal is decided in the test's box alone, and a proxy equals only itself. What a test patches is
patched in the program's process for the duration of a call: a stand-in there asks the test's box, which answers while its
own call waits. So a mock counts and returns in the test's process, out of the program's reach.
"""
