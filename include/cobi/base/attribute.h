/* Compiler attributes, spelt once. */
#ifndef COBI_BASE_ATTRIBUTE_H
#define COBI_BASE_ATTRIBUTE_H

#define _must_use_ __attribute__((warn_unused_result))
#define _printf_(text, first) __attribute__((format(printf, text, first)))
#define _returns_memory_ __attribute__((malloc, returns_nonnull, warn_unused_result))

#endif
