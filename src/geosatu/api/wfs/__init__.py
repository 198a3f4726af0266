"""WFS 1.0.0, 1.1.0 and 2.0.0 at /wfs: one endpoint for every version, asked by address or by XML.

`door` takes a request, `asked` reads what it says, `questions` makes queries of it; `capabilities`, `schema`,
`features` and `stored` answer. `transaction` reads what is to be changed, `writing` changes it. `exceptions` tells what
is wrong in the words of the version.
"""
