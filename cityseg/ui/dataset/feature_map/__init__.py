"""The Map tab of the Dataset page, and the frames that are similar to the open one."""
