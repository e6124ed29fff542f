"""Figures: arrays and tables in, matplotlib figures out. Nothing here reads files.

`volumes` shows scans and masks, `data` the cohort and the way to the network's input, `model` the network and its
training, `predictions` what it finds and misses, `scores` how good it is, `nilearn_views` scans through nilearn,
`cases` two recipes patient by patient, `gains` what more training, each step of a recipe and each system bring,
`tuning` what hyper-parameters are worth, `generation` images that networks made. `style` holds fonts, colours and
planes, `panels` and `plots` the sheets that everything is drawn on.

Everywhere the same: a `volume` is an array of intensities (x, y, z) in LPS, 0 outside the brain, and `volumes` maps
modalities to such arrays. `mask`, `truth` and `prediction` hold labels 0, 1, 2 and 4 on the same grid. `z` is the axial
slice that is shown, displayed radiologically: the patient's left is on the viewer's right. Tables are in long form, a
row per measurement. `source` is one sentence on where the images or data come from and is printed at the foot.
"""
