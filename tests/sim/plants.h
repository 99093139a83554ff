/* Plants that bug in this process: plants.c holds what each does. */
#ifndef COBI_TESTS_SIM_PLANTS_H
#define COBI_TESTS_SIM_PLANTS_H

void plant(const char *bug);

#endif
