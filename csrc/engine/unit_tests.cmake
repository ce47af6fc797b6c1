# Each test lists the sources that it needs, so that running one builds nothing else.
set(filter_sources sampling/candidates.cpp sampling/filters.cpp)
set(allocations ${PROJECT_SOURCE_DIR}/csrc/testing/allocations.cpp)

po_add_test(text_out_test SOURCES text_out_test.cpp text_out.cpp stop_matcher.cpp utf8.cpp)
po_add_test(filters_test SOURCES sampling/filters_test.cpp ${filter_sources})
po_add_test(sampler_test SOURCES sampler_test.cpp sampler.cpp sampling/mirostat.cpp sampling/penalties.cpp
                                 ${filter_sources} ${allocations})
po_add_test(logprobs_test SOURCES logprobs_test.cpp logprobs.cpp sampling/candidates.cpp)
