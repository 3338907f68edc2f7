import sys
sys.argv=['x','--photographs','/work/shared/data/bsds500','--testsets','/work/shared/data/testsets']
from time_to_quality import *
import argparse
if __name__=='__main__':
    o=argparse.Namespace(name='time_to_quality',testsets='/work/shared/data/testsets',processes=1,seconds=600.,seeds=[0])
    work=Path('/tmp/exp/ttq'); place=Place(photographs_of(Path('/work/shared/data/bsds500'),Path(o.testsets),work),Path(o.testsets),work,'cpu','32-true')
    runs=Runs(o,place,str(work/'choices'))
    C=CONTENDERS
    def job(problem,name,knobs,rate,seconds,seed=0): return Job.of(problem,name,C[name],knobs,rate,seconds,seed)
    crops=lambda s,sec: job('denoising','fixed random crops',{"size":32,"strategy.batch_size":16},0.012,sec,s)
    race=lambda s,sec: job('denoising','race',{},0.002,sec,s)
    for sec in (75.,150.,600.,300.):
        for f in (race,crops): runs([f(0,sec)],tested=True)
