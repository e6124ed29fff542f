"""From a scanner's files to a case as BraTS has it. The extra `scanner` has its libraries; only this room uses them."""
