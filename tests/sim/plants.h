/* The bug that is planted in this process, or "": plants.c holds what each does. */
#ifndef COBI_TESTS_SIM_PLANTS_H
#define COBI_TESTS_SIM_PLANTS_H

extern const char *planted;

#endif
