#!/usr/bin/python
# vim: set fileencoding=utf-16-le :
x = 1
