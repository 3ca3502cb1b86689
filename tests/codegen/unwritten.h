/* What only the memory sanitizer does: UNWRITTEN makes bytes count as never written, WRITTEN fails
 * where one of them is. Elsewhere both do nothing. */
#ifndef UNWRITTEN_H
#define UNWRITTEN_H

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define UNWRITTEN(p, bytes) __msan_allocated_memory(p, bytes)
#define WRITTEN(p, bytes)   __msan_check_mem_is_initialized(p, bytes)
#endif
#endif

#ifndef UNWRITTEN
#define UNWRITTEN(p, bytes) (void)0
#define WRITTEN(p, bytes)   (void)0
#endif

#endif
