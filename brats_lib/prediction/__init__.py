"""From a network's name and a case to a mask on the case's own grid."""
