"""The application: choose a case, press a button, see what a network finds (paper section 5), and rate it.

Modules that know Streamlit are `serve`, which is the server, `main`, `session` and those named `page_*`, which only
place things on a page. What is placed is made by modules without it: `launch` starts the server, `opening` finds the
cases, `engine` runs a network, `scans` holds a case ready to be looked at, `drawing` and `panels` make pictures,
`report` numbers and files, `wording` texts, `uploads` takes files from a browser, `shelf` keeps what was computed,
`janitor` knows which sessions are over and `temporary` leaves nothing behind. The reader study is `study` (who sees
what in which order) and `ratings` (what they said).

Importing this package loads neither Streamlit nor Keras.
"""

__all__ = ["ADDRESS"]

# Nobody but this machine reaches the server.
ADDRESS = "127.0.0.1"
