import marshal
import types

f = types.FunctionType(marshal.loads(b"\xe3"), globals())
