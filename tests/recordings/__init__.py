"""What real Jellyfin servers answered, and that the simulated ones answer so as well.

`jellyfin-10.11.json` and `jellyfin-12.0.json` were recorded from servers that held the
seeded library as files, the two `-odd` ones from servers with a library of oddities.
`scripts/record-server` asks another server the same: what to ask is in these files.
Ids are written as names: `{film:Alien (1979)}`; what has no name is `{other:1}`.
"""
