"""From a scanner's files to a case as BraTS has it. Its libraries are the extra `scanner`; nothing else imports them."""
