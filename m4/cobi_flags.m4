# Compiler and linker flags, each tried before it is used.
#
# COBI_COMPILE_FLAGS(FLAGS, [ACTION-IF-REFUSED])
# COBI_LINK_FLAGS(FLAGS, [ACTION-IF-REFUSED])
#   append each of FLAGS to COBI_CFLAGS or COBI_LDFLAGS when the compiler (or linker), given what is there already,
#   takes it without a warning. The user's CFLAGS and LDFLAGS are never changed.

AC_DEFUN([COBI_COMPILE_FLAGS], [
  for cobi_flag in m4_normalize([$1]); do
    AC_MSG_CHECKING([whether $CC takes $cobi_flag])
    cobi_save_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS $COBI_CFLAGS -Werror $cobi_flag"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[]], [[]])], [cobi_taken=yes], [cobi_taken=no])
    CFLAGS=$cobi_save_CFLAGS
    AC_MSG_RESULT([$cobi_taken])
    AS_IF([test $cobi_taken = yes], [COBI_CFLAGS="$COBI_CFLAGS $cobi_flag"], [m4_default([$2], [:])])
  done
])

AC_DEFUN([COBI_LINK_FLAGS], [
  for cobi_flag in m4_normalize([$1]); do
    AC_MSG_CHECKING([whether linking with $cobi_flag works])
    cobi_save_CFLAGS=$CFLAGS
    cobi_save_LDFLAGS=$LDFLAGS
    CFLAGS="$CFLAGS $COBI_CFLAGS -Werror"
    LDFLAGS="$LDFLAGS $COBI_LDFLAGS $cobi_flag"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[]], [[]])], [cobi_taken=yes], [cobi_taken=no])
    CFLAGS=$cobi_save_CFLAGS
    LDFLAGS=$cobi_save_LDFLAGS
    AC_MSG_RESULT([$cobi_taken])
    AS_IF([test $cobi_taken = yes], [COBI_LDFLAGS="$COBI_LDFLAGS $cobi_flag"], [m4_default([$2], [:])])
  done
])
