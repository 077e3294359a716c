from importlib import util

f = util.source_hash
