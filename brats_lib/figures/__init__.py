"""Figures: arrays and tables in, matplotlib figures out.

`volumes` shows scans and masks, `data` the cohort and the way to the network's input, `model` the network, `training`
its curves, `scores` how good it is, `predictions` what it finds and misses, `nilearn_views` the same through nilearn.
`gains` shows what more training and each step of a recipe bring, `cases` two recipes patient by patient,
`probabilities` whether a network knows what it does not know. `style` holds
fonts, colours and planes, `panels` and `plots` the sheets that everything is drawn on.

Volumes are (x, y, z) LPS and are displayed radiologically, the patient's left on the viewer's right. Every function
takes `source`, one sentence on where the images come from, and prints it at the foot. Nothing here reads files.
"""
