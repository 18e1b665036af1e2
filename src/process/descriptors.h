#pragma once

namespace cluster_leader {

/// Opens /dev/null on those of 0, 1 and 2 that are closed, so that no socket of ours lands there.
/// They close on exec: the job sees them closed, as the caller left them.
void fill_standard_descriptors();

/// Puts /dev/null on `fd`, close-on-exec: whoever reads the other end of the caller's pipe must not
/// wait for us. Failure is ignored; it can only delay that reader.
void let_go_of(int fd);

/// Puts /dev/null on `fd` for us and for whatever we execute, which let_go_of() leaves with a
/// closed one.
void put_null_on(int fd);

/// Closes every descriptor from 3 on that the caller handed us, which are those without FD_CLOEXEC:
/// all of ours have it.
void close_inherited_descriptors();

/// Lets go of stdin and stdout, and closes the inherited ones: whatever the caller handed us is the
/// job's alone from then on, but for stderr, where we have something to say.
void let_go_of_caller();

/// True if this process has a controlling terminal, which is when /dev/tty opens.
bool has_terminal();

}  // namespace cluster_leader
