"""What the exit code of a command says, the same for all of them."""

NOT_DONE = 1
WRONG_ARGUMENT = 2  # click's own code for it
INTERRUPTED = 130  # as shells say it: 128 and SIGINT

MEANINGS = {
    0: "done",
    NOT_DONE: "not done, or not all of it",
    WRONG_ARGUMENT: "an argument or a setting is wrong; nothing was done",
    INTERRUPTED: "interrupted by Ctrl-C",
}
