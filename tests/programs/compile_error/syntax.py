def pairs(xs: return
