"""What the panel and the cards show: whose lanes, their works, and what became of them.

It is read from the lanes and their catalogues, so it costs the servers nothing.
"""
